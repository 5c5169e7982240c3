"""The VRM protocol: reference library, home server, agents and tools."""
