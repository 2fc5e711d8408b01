"""Images in, vectors out: decodes a picture once and gives it to as many ONNX models as are asked for."""
