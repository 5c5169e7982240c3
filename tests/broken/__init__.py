"""Deliberately broken homes, by which a conformance suite is measured (manifest.json tells which)."""
