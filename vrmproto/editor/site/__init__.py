"""The site of the specification, made from a spec folder."""
