"""What every layer may use: files, manifests and locks. Imports nothing of the project but its errors."""
