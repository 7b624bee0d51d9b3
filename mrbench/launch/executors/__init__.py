"""What starts a job on this machine: as processes of its own, or in a container."""
