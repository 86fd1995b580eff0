"""Encoders that others trained, frozen, as ONNX graphs: run without torch, each text and photo once."""
