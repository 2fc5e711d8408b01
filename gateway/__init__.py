"""Encoded images in, ranked look-alikes out: coordinates the embedder and the search service, and stores nothing."""
