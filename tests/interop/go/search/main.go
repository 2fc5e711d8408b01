package main

import (
	"context"
	"fmt"
	"log"
	"os"

	pb "github.com/likeness/likeness/gen/go/likeness/v1"
	// So that status.Details finds the types of what an error carries.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	connection, _ := grpc.NewClient("127.0.0.1:50050", grpc.WithTransportCredentials(insecure.NewCredentials()))
	defer connection.Close()
	likeness := pb.NewImageSearchServiceClient(connection)
	photo, err := os.ReadFile("photo.jpg")
	if err != nil {
		log.Fatal(err)
	}
	request := &pb.SearchImagesRequest{Collection: "shop", TopK: 5,
		Query: &pb.SearchImagesRequest_Image{Image: &pb.Image{Source: &pb.Image_Content{Content: photo}}}}
	answer, err := likeness.SearchImages(context.Background(), request)
	if err != nil {
		log.Fatal(err)
	}
	for _, hit := range answer.Hits {
		fmt.Printf("%d %s %.4f\n", hit.Rank, hit.ImageId, hit.Distance)
	}
}
