"""AMPL's layouts: what a folder holds, checked, and its windows."""
