from pathlib import Path

import grpc

from likeness.v1 import image_search_pb2, image_search_pb2_grpc, types_pb2

with grpc.insecure_channel("127.0.0.1:50050") as channel:
    likeness = image_search_pb2_grpc.ImageSearchServiceStub(channel)
    image = types_pb2.Image(content=Path("photo.jpg").read_bytes())
    request = image_search_pb2.SearchImagesRequest(collection="shop", image=image, top_k=5)
    for hit in likeness.SearchImages(request).hits:
        print(hit.rank, hit.image_id, f"{hit.distance:.4f}")
