"""The judge of VRM implementations: it knows ``spec/`` and HTTP, and nothing of the reference."""
