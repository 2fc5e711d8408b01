"""Vectors in, ranked look-alikes out: owns Milvus and Redis."""
