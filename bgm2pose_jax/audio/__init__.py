"""Sound files, spectra, mel bands, and sound on another clock."""
