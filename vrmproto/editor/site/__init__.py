"""The static site of the documentation of a spec folder."""
