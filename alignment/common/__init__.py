"""Files, manifests, locks and other utilities for every layer; of the project only its errors are imported."""
