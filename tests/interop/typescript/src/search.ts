import { readFileSync } from "node:fs";
import { credentials } from "@grpc/grpc-js";
import { ImageSearchServiceClient, SearchImagesRequest } from "../gen/likeness/v1/image_search.js";

const likeness = new ImageSearchServiceClient("127.0.0.1:50050", credentials.createInsecure());
const image = { content: readFileSync("photo.jpg") };
const request = SearchImagesRequest.fromPartial({ collection: "shop", image, topK: 5 });
likeness.searchImages(request, (error, answer) => {
  if (error) throw error;
  for (const { rank, imageId, distance } of answer.hits) {
    console.log(rank, imageId, distance.toFixed(4));
  }
  likeness.close();
});
