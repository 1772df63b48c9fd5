"""The acoustic simulator: motion and music in, AMPL-like recordings out.

`scene` states the room, `room` its static response, `body`, `scattering` and
`shadow` what a person does to the sound, `recorder` puts them together;
`motion`, `music`, `sessions` and `raw_folder` make whole data sets.
"""
