"""What package managers leave in a tree, a module each: `read(findings, path)` enters what the file at `path` says."""
