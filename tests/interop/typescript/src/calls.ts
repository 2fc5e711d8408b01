import { readFileSync } from "node:fs";
import { Readable, type Writable } from "node:stream";
import type { CallOptions, ClientUnaryCall, Metadata, ServiceError } from "@grpc/grpc-js";
import {
  ActivateModelRequest,
  AddModelRequest,
  Collection,
  CreateCollectionRequest,
  DeleteCollectionRequest,
  DeleteImagesRequest,
  FindDuplicatesRequest,
  FindDuplicatesResponse,
  GetCollectionRequest,
  GetImageRequest,
  type ImageSearchServiceClient,
  ImageEntry,
  IndexImagesRequest,
  IndexResult,
  indexResult_OutcomeToJSON,
  IngestImagesRequest,
  IngestImagesResponse,
  ListImagesRequest,
  modelBinding_StateToJSON,
  SearchImagesRequest,
} from "../gen/likeness/v1/image_search.js";
import { type EmbedderServiceClient, ListModelsRequest, StreamEmbedRequest, StreamEmbedResponse } from "../gen/likeness/v1/embedder.js";
import { type MaintenanceServiceClient, ReconcileRequest } from "../gen/likeness/v1/maintenance.js";
import { Hit, Image } from "../gen/likeness/v1/types.js";
import { describe } from "./errors.js";

/** What a command says about its request. */
export interface Input {
  collection?: string;
  models?: string[];
  model?: string;
  force?: boolean;
  images?: Picture[];
  request_id?: string;
  image_id?: string;
  photo?: string;
  uri?: string;
  top_k?: number;
  page_size?: number;
  image_ids?: string[];
  max_distance?: number;
  method?: string;
  request_bytes?: string;
}

interface Picture {
  image_id?: string;
  photo?: string;
  uri?: string;
}

interface How {
  metadata: Metadata;
  options: Partial<CallOptions>;
  cancelAfterSeconds?: number;
}

interface On {
  embedder: EmbedderServiceClient;
  likeness: ImageSearchServiceClient;
  maintenance: MaintenanceServiceClient;
  how: How;
}

type Finish<Answer> = (error: ServiceError | null, answer: Answer) => void;

/** Turns a call that takes a callback into one that can be awaited. */
function answer<Answer>(how: How, start: (finish: Finish<Answer>) => ClientUnaryCall): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = start((error, given) => (error ? reject(error) : resolve(given)));
    if (how.cancelAfterSeconds) setTimeout(() => call.cancel(), how.cancelAfterSeconds * 1000);
  });
}

export function say(what: object): void {
  console.log(JSON.stringify(what));
}

export const calls: { [name: string]: (on: On, input: Input) => Promise<object> } = {
  async ListModels({ likeness, how }) {
    const { models } = await answer(how, likeness.listModels.bind(likeness, ListModelsRequest.create(), how.metadata, how.options));
    return { dimensions: Object.fromEntries(models.map((model) => [model.name, model.dimension])) };
  },
  async CreateCollection({ likeness, how }, { collection: name, models }) {
    const request = CreateCollectionRequest.fromPartial({ collection: { name, models } });
    return collection((await answer(how, likeness.createCollection.bind(likeness, request, how.metadata, how.options))).collection!);
  },
  async GetCollection({ likeness, how }, { collection: name }) {
    const request = GetCollectionRequest.fromPartial({ name });
    return collection((await answer(how, likeness.getCollection.bind(likeness, request, how.metadata, how.options))).collection!);
  },
  async AddModel({ likeness, how }, { collection: name, model }) {
    const request = AddModelRequest.fromPartial({ collection: name, model });
    return collection((await answer(how, likeness.addModel.bind(likeness, request, how.metadata, how.options))).collection!);
  },
  async ActivateModel({ likeness, how }, { collection: name, model, force }) {
    const request = ActivateModelRequest.fromPartial({ collection: name, model, force });
    return collection((await answer(how, likeness.activateModel.bind(likeness, request, how.metadata, how.options))).collection!);
  },
  async DeleteCollection({ likeness, how }, { collection: name, force }) {
    const request = DeleteCollectionRequest.fromPartial({ name, force });
    await answer(how, likeness.deleteCollection.bind(likeness, request, how.metadata, how.options));
    return {};
  },
  async IndexImages({ likeness, how }, { collection: name, images = [], request_id: requestId }) {
    const request = IndexImagesRequest.fromPartial({ collection: name, entries: images.map(entry), requestId });
    const { results } = await answer(how, likeness.indexImages.bind(likeness, request, how.metadata, how.options));
    return { results: results.map(outcome) };
  },
  async IngestImages({ likeness, how }, { collection: name, images = [] }) {
    const stream = likeness.ingestImages(how.metadata, how.options);
    const requests = images.map((each, i) =>
      IngestImagesRequest.fromPartial({ collection: name, entry: entry(each), itemId: `${i}` }),
    );
    // It sends while we read, as a stream wants it: the server stops reading while too much is unanswered.
    Readable.from(requests).pipe(stream as unknown as Writable);
    const results: { [itemId: string]: object } = {};
    for await (const { itemId, result } of stream as AsyncIterable<IngestImagesResponse>) {
      if (result) results[itemId] = outcome(result);
    }
    return { results };
  },
  /** Sends one picture and no end, and says each answer when it comes. */
  async StreamEmbed({ embedder, how }, input) {
    const stream = embedder.streamEmbed(how.metadata, how.options);
    stream.write(StreamEmbedRequest.fromPartial({ itemId: input.image_id, image: image(input) }));
    for await (const { itemId, result } of stream as AsyncIterable<StreamEmbedResponse>) {
      const dimensions = result!.embeddings.map(({ model, dimension }) => [model, dimension]);
      say({ answered: { item_id: itemId, dimensions: Object.fromEntries(dimensions) } });
    }
    return {};
  },
  async SearchImages({ likeness, how }, input) {
    const query = input.image_id ? { imageId: input.image_id } : { image: image(input) };
    const request = SearchImagesRequest.fromPartial({
      collection: input.collection,
      models: input.models,
      topK: input.top_k,
      ...query,
    });
    const found = await answer(how, likeness.searchImages.bind(likeness, request, how.metadata, how.options));
    const perModel = found.perModel.map((list) => [list.model, list.hits.map(hit)]);
    return { hits: found.hits.map(hit), per_model: Object.fromEntries(perModel) };
  },
  async GetImage({ likeness, how }, { collection: name, image_id: imageId }) {
    const request = GetImageRequest.fromPartial({ collection: name, imageId });
    const found = (await answer(how, likeness.getImage.bind(likeness, request, how.metadata, how.options))).image!;
    return {
      image_id: found.imageId,
      content_sha256: found.contentSha256,
      size_px: [found.widthPx, found.heightPx],
      written_once: found.createTime!.getTime() === found.updateTime!.getTime(),
    };
  },
  async ListImages({ likeness, how }, { collection: name, page_size: pageSize }) {
    const pages: string[][] = [];
    let pageToken = "";
    do {
      const request = ListImagesRequest.fromPartial({ collection: name, pageSize, pageToken });
      const page = await answer(how, likeness.listImages.bind(likeness, request, how.metadata, how.options));
      pages.push(page.images.map((record) => record.imageId));
      pageToken = page.nextPageToken;
    } while (pageToken);
    return { pages };
  },
  async DeleteImages({ likeness, how }, { collection: name, image_ids: imageIds }) {
    const request = DeleteImagesRequest.fromPartial({ collection: name, imageIds });
    const gone = await answer(how, likeness.deleteImages.bind(likeness, request, how.metadata, how.options));
    return { deleted_count: gone.deletedCount, missing_ids: gone.missingIds };
  },
  async FindDuplicates({ likeness, how }, { collection: name, model, max_distance: maxDistance }) {
    const request = FindDuplicatesRequest.fromPartial({ collection: name, model, maxDistance });
    const stream: AsyncIterable<FindDuplicatesResponse> = likeness.findDuplicates(request, how.metadata, how.options);
    const groups: string[][] = [];
    for await (const { imageIds } of stream) groups.push(imageIds);
    return { groups };
  },
  async Reconcile({ maintenance, how }) {
    for await (const _ of maintenance.reconcile(ReconcileRequest.create(), how.metadata, how.options));
    return {};
  },
  async Bytes({ likeness, how }, { method, request_bytes: bytes }) {
    const asTheyAre = (given: Buffer) => given;
    const request = Buffer.from(bytes!, "base64");
    await answer(how, (finish: Finish<Buffer | undefined>) =>
      likeness.makeUnaryRequest(method!, asTheyAre, asTheyAre, request, how.metadata, how.options, finish as never),
    );
    return {};
  },
};

function image({ photo, uri }: Picture): Image {
  return Image.fromPartial(uri ? { uri } : { content: readFileSync(photo!) });
}

function entry(picture: Picture): ImageEntry {
  return ImageEntry.fromPartial({ imageId: picture.image_id, image: image(picture) });
}

function outcome({ imageId, outcome, error }: IndexResult): object {
  return { image_id: imageId, outcome: indexResult_OutcomeToJSON(outcome), ...(error && { error: describe(error) }) };
}

function hit({ imageId, rank, distance }: Hit): object {
  return { image_id: imageId, rank, distance };
}

function collection({ name, bindings, imageCount }: Collection): object {
  const states = bindings.map((binding) => [binding.model, modelBinding_StateToJSON(binding.state)]);
  return { name, models: Object.fromEntries(states), image_count: imageCount };
}
