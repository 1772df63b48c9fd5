"""The acoustic simulator: motion and music in, four-channel recordings out.

`scene` states the room, `room` its static response, `body`, `scattering` and
`shadow` what a person does to the sound, `recorder` puts them together;
`motion`, `music` and `sessions` are what moves and what is heard.
"""
