"""The gateway: what stage pods talk to. Holds nothing that matters: kill it at any moment and another goes on."""
