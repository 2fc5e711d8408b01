use pb::{image::Source, image_search_service_client::ImageSearchServiceClient, search_images_request::Query};

mod pb {
    tonic::include_proto!("likeness.v1");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut likeness = ImageSearchServiceClient::connect("http://127.0.0.1:50050").await?;
    let photo = pb::Image { source: Some(Source::Content(std::fs::read("photo.jpg")?)) };
    let query = Some(Query::Image(photo));
    let request = pb::SearchImagesRequest { collection: "shop".into(), query, top_k: 5, ..Default::default() };
    for hit in likeness.search_images(request).await?.into_inner().hits {
        println!("{} {} {:.4}", hit.rank, hit.image_id, hit.distance);
    }
    Ok(())
}
