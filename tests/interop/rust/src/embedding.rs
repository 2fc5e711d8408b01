use serde_json::{json, Map};
use tokio_stream::{once, pending, StreamExt};

use crate::calls::pb::embedder_service_client::EmbedderServiceClient;
use crate::calls::{image, pb, Answer, Caller, Input};

impl Caller {
    /// Sends one picture and no end, and says each answer when it comes.
    pub async fn stream_embed(&self, with: &Input) -> Answer {
        let picture = pb::StreamEmbedRequest {
            item_id: with.image_id.clone().unwrap_or_default(),
            image: Some(image(&with.photo, &with.uri)),
            ..Default::default()
        };
        let request = self.request(once(picture).chain(pending()));
        let mut stream = EmbedderServiceClient::new(self.channel.clone()).stream_embed(request).await?.into_inner();
        while let Some(answer) = stream.message().await? {
            let embeddings = answer.result.unwrap_or_default().embeddings;
            let dimensions: Map<_, _> = embeddings.into_iter().map(|each| (each.model, each.dimension.into())).collect();
            println!("{}", json!({"answered": {"item_id": answer.item_id, "dimensions": dimensions}}));
        }
        Ok(json!({}))
    }
}
