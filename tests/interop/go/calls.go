package main

import (
	"context"
	"encoding/base64"
	"io"
	"os"
	"strconv"

	pb "github.com/likeness/likeness/gen/go/likeness/v1"
	"google.golang.org/grpc"
)

// input is what a command says about its request.
type input struct {
	Collection   string
	Models       []string
	Model        string
	Force        bool
	Images       []picture
	RequestID    string `json:"request_id"`
	ImageID      string `json:"image_id"`
	Photo        string
	URI          string
	TopK         int32    `json:"top_k"`
	PageSize     int32    `json:"page_size"`
	ImageIDs     []string `json:"image_ids"`
	MaxDistance  float64  `json:"max_distance"`
	Method       string
	RequestBytes string `json:"request_bytes"`
}

type picture struct {
	ImageID string `json:"image_id"`
	Photo   string
	URI     string
}

type object map[string]any

var calls = map[string]func(context.Context, *grpc.ClientConn, input) (any, error){
	"ListModels": func(ctx context.Context, on *grpc.ClientConn, _ input) (any, error) {
		answer, err := pb.NewImageSearchServiceClient(on).ListModels(ctx, &pb.ListModelsRequest{})
		if err != nil {
			return nil, err
		}
		dimensions := object{}
		for _, model := range answer.Models {
			dimensions[model.Name] = model.Dimension
		}
		return object{"dimensions": dimensions}, nil
	},
	"CreateCollection": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		wanted := &pb.Collection{Name: with.Collection, Models: with.Models}
		answer, err := pb.NewImageSearchServiceClient(on).CreateCollection(ctx, &pb.CreateCollectionRequest{Collection: wanted})
		return collection(answer.GetCollection()), err
	},
	"GetCollection": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		answer, err := pb.NewImageSearchServiceClient(on).GetCollection(ctx, &pb.GetCollectionRequest{Name: with.Collection})
		return collection(answer.GetCollection()), err
	},
	"AddModel": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request := &pb.AddModelRequest{Collection: with.Collection, Model: with.Model}
		answer, err := pb.NewImageSearchServiceClient(on).AddModel(ctx, request)
		return collection(answer.GetCollection()), err
	},
	"ActivateModel": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request := &pb.ActivateModelRequest{Collection: with.Collection, Model: with.Model, Force: with.Force}
		answer, err := pb.NewImageSearchServiceClient(on).ActivateModel(ctx, request)
		return collection(answer.GetCollection()), err
	},
	"DeleteCollection": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request := &pb.DeleteCollectionRequest{Name: with.Collection, Force: with.Force}
		_, err := pb.NewImageSearchServiceClient(on).DeleteCollection(ctx, request)
		return object{}, err
	},
	"IndexImages": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request := &pb.IndexImagesRequest{Collection: with.Collection, RequestId: with.RequestID}
		for _, each := range with.Images {
			request.Entries = append(request.Entries, entry(each))
		}
		answer, err := pb.NewImageSearchServiceClient(on).IndexImages(ctx, request)
		results := []object{}
		for _, result := range answer.GetResults() {
			results = append(results, outcome(result))
		}
		return object{"results": results}, err
	},
	"IngestImages": ingest,
	"StreamEmbed":  embed,
	"SearchImages": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request := &pb.SearchImagesRequest{Collection: with.Collection, Models: with.Models, TopK: with.TopK}
		if with.ImageID != "" {
			request.Query = &pb.SearchImagesRequest_ImageId{ImageId: with.ImageID}
		} else {
			request.Query = &pb.SearchImagesRequest_Image{Image: image(with.Photo, with.URI)}
		}
		answer, err := pb.NewImageSearchServiceClient(on).SearchImages(ctx, request)
		perModel := object{}
		for _, list := range answer.GetPerModel() {
			perModel[list.Model] = hits(list.Hits)
		}
		return object{"hits": hits(answer.GetHits()), "per_model": perModel}, err
	},
	"GetImage": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request := &pb.GetImageRequest{Collection: with.Collection, ImageId: with.ImageID}
		answer, err := pb.NewImageSearchServiceClient(on).GetImage(ctx, request)
		if err != nil {
			return nil, err
		}
		found := answer.Image
		return object{
			"image_id":       found.ImageId,
			"content_sha256": found.ContentSha256,
			"size_px":        []int32{found.WidthPx, found.HeightPx},
			"written_once":   found.CreateTime.AsTime().Equal(found.UpdateTime.AsTime()),
		}, nil
	},
	"ListImages": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request := &pb.ListImagesRequest{Collection: with.Collection, PageSize: with.PageSize}
		pages := [][]string{}
		for {
			page, err := pb.NewImageSearchServiceClient(on).ListImages(ctx, request)
			if err != nil {
				return nil, err
			}
			ids := []string{}
			for _, record := range page.Images {
				ids = append(ids, record.ImageId)
			}
			pages = append(pages, ids)
			if page.NextPageToken == "" {
				return object{"pages": pages}, nil
			}
			request.PageToken = page.NextPageToken
		}
	},
	"DeleteImages": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request := &pb.DeleteImagesRequest{Collection: with.Collection, ImageIds: with.ImageIDs}
		answer, err := pb.NewImageSearchServiceClient(on).DeleteImages(ctx, request)
		return object{"deleted_count": answer.GetDeletedCount(), "missing_ids": answer.GetMissingIds()}, err
	},
	"FindDuplicates": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request := &pb.FindDuplicatesRequest{Collection: with.Collection, Model: with.Model, MaxDistance: with.MaxDistance}
		stream, err := pb.NewImageSearchServiceClient(on).FindDuplicates(ctx, request)
		if err != nil {
			return nil, err
		}
		groups := [][]string{}
		for {
			group, err := stream.Recv()
			if err == io.EOF {
				return object{"groups": groups}, nil
			}
			if err != nil {
				return nil, err
			}
			groups = append(groups, group.ImageIds)
		}
	},
	"Reconcile": func(ctx context.Context, on *grpc.ClientConn, _ input) (any, error) {
		stream, err := pb.NewMaintenanceServiceClient(on).Reconcile(ctx, &pb.ReconcileRequest{})
		for err == nil {
			_, err = stream.Recv()
		}
		if err == io.EOF {
			err = nil
		}
		return object{}, err
	},
	"Bytes": func(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
		request, err := base64.StdEncoding.DecodeString(with.RequestBytes)
		check(err)
		var answer []byte
		return object{}, on.Invoke(ctx, with.Method, request, &answer, grpc.ForceCodec(untyped{}))
	},
}

// ingest sends while it reads, as a stream wants it: the server stops reading while too much is unanswered.
func ingest(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
	stream, err := pb.NewImageSearchServiceClient(on).IngestImages(ctx)
	if err != nil {
		return nil, err
	}
	go func() {
		for i, each := range with.Images {
			// An error shows in Recv, with its details.
			_ = stream.Send(&pb.IngestImagesRequest{Collection: with.Collection, Entry: entry(each), ItemId: strconv.Itoa(i)})
		}
		_ = stream.CloseSend()
	}()
	results := object{}
	for {
		event, err := stream.Recv()
		if err == io.EOF {
			return object{"results": results}, nil
		}
		if err != nil {
			return nil, err
		}
		if result := event.GetResult(); result != nil {
			results[event.ItemId] = outcome(result)
		}
	}
}

// embed sends one picture and no end, and says each answer when it comes.
func embed(ctx context.Context, on *grpc.ClientConn, with input) (any, error) {
	stream, err := pb.NewEmbedderServiceClient(on).StreamEmbed(ctx)
	if err != nil {
		return nil, err
	}
	// An error shows in Recv, with its details.
	_ = stream.Send(&pb.StreamEmbedRequest{ItemId: with.ImageID, Image: image(with.Photo, with.URI)})
	for {
		answer, err := stream.Recv()
		if err == io.EOF {
			return object{}, nil
		}
		if err != nil {
			return nil, err
		}
		dimensions := object{}
		for _, embedding := range answer.GetResult().GetEmbeddings() {
			dimensions[embedding.Model] = embedding.Dimension
		}
		say(object{"answered": object{"item_id": answer.ItemId, "dimensions": dimensions}})
	}
}

func image(photo, uri string) *pb.Image {
	if uri != "" {
		return &pb.Image{Source: &pb.Image_Uri{Uri: uri}}
	}
	content, err := os.ReadFile(photo)
	check(err)
	return &pb.Image{Source: &pb.Image_Content{Content: content}}
}

func entry(of picture) *pb.ImageEntry {
	return &pb.ImageEntry{ImageId: of.ImageID, Image: image(of.Photo, of.URI)}
}

func outcome(of *pb.IndexResult) object {
	said := object{"image_id": of.ImageId, "outcome": of.Outcome.String()}
	if of.Error != nil {
		said["error"] = describe(of.Error)
	}
	return said
}

func hits(list []*pb.Hit) []object {
	found := []object{}
	for _, hit := range list {
		found = append(found, object{"image_id": hit.ImageId, "rank": hit.Rank, "distance": hit.Distance})
	}
	return found
}

func collection(of *pb.Collection) object {
	states := object{}
	for _, binding := range of.GetBindings() {
		states[binding.Model] = binding.State.String()
	}
	return object{"name": of.GetName(), "models": states, "image_count": of.GetImageCount()}
}

// untyped hands bytes on as they are.
type untyped struct{}

func (untyped) Marshal(message any) ([]byte, error) { return message.([]byte), nil }

func (untyped) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = data
	return nil
}

func (untyped) Name() string { return "untyped" }
