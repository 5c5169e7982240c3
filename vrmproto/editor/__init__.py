"""Tools that generate and check the data files under `spec/`."""
