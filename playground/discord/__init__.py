"""The loopback Discord: its world, REST, gateway and limits."""
