"""What runs on the nodes of a cluster: trains as a local run does, and writes the same files."""
