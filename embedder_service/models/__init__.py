"""The models that come with the service, one folder each. `generate` writes their ONNX files."""
