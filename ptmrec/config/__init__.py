"""Configuration: one section per subsystem, one frozen dataclass per section."""
