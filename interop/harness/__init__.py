"""The machinery under the checks."""
