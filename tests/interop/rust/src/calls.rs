use std::time::Duration;

use base64::{engine::general_purpose::STANDARD, Engine};
use serde::Deserialize;
use serde_json::{json, Map, Value};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::errors::describe_image;
use crate::untyped::Untyped;
use pb::image_search_service_client::ImageSearchServiceClient;
use pb::maintenance_service_client::MaintenanceServiceClient;

pub mod pb {
    tonic::include_proto!("likeness.v1");
}

/// What a command says about its request.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Input {
    collection: String,
    models: Vec<String>,
    model: String,
    force: bool,
    images: Vec<Picture>,
    request_id: String,
    pub image_id: Option<String>,
    pub photo: String,
    pub uri: Option<String>,
    top_k: i32,
    page_size: i32,
    image_ids: Vec<String>,
    max_distance: f64,
    method: String,
    request_bytes: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Picture {
    image_id: String,
    photo: String,
    uri: Option<String>,
}

/// Makes the calls of one command.
pub struct Caller {
    pub channel: Channel,
    pub token: Option<String>,
    pub timeout: Option<Duration>,
}

pub type Answer = Result<Value, Status>;

impl Caller {
    /// Makes a call, by its name in the protos, and returns what is to be said of the answer.
    pub async fn call(&self, name: &str, with: &Input) -> Answer {
        match name {
            "ListModels" => self.list_models().await,
            "CreateCollection" => self.create_collection(with).await,
            "GetCollection" => self.get_collection(with).await,
            "AddModel" => self.add_model(with).await,
            "ActivateModel" => self.activate_model(with).await,
            "DeleteCollection" => self.delete_collection(with).await,
            "IndexImages" => self.index_images(with).await,
            "IngestImages" => self.ingest_images(with).await,
            "StreamEmbed" => self.stream_embed(with).await,
            "SearchImages" => self.search_images(with).await,
            "GetImage" => self.get_image(with).await,
            "ListImages" => self.list_images(with).await,
            "DeleteImages" => self.delete_images(with).await,
            "FindDuplicates" => self.find_duplicates(with).await,
            "Reconcile" => self.reconcile().await,
            "Bytes" => self.bytes(with).await,
            _ => panic!("there is no call {name}"),
        }
    }

    fn likeness(&self) -> ImageSearchServiceClient<Channel> {
        ImageSearchServiceClient::new(self.channel.clone())
    }

    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        if let Some(token) = &self.token {
            let value = format!("Bearer {token}").parse().expect("a token");
            request.metadata_mut().insert("authorization", value);
        }
        request
    }

    async fn list_models(&self) -> Answer {
        let answer = self.likeness().list_models(self.request(pb::ListModelsRequest {})).await?.into_inner();
        let dimensions: Map<_, _> =
            answer.models.into_iter().map(|model| (model.name, model.dimension.into())).collect();
        Ok(json!({"dimensions": dimensions}))
    }

    async fn create_collection(&self, with: &Input) -> Answer {
        let wanted =
            pb::Collection { name: with.collection.clone(), models: with.models.clone(), ..Default::default() };
        let request = pb::CreateCollectionRequest { collection: Some(wanted) };
        Ok(collection(self.likeness().create_collection(self.request(request)).await?.into_inner().collection))
    }

    async fn get_collection(&self, with: &Input) -> Answer {
        let request = pb::GetCollectionRequest { name: with.collection.clone() };
        Ok(collection(self.likeness().get_collection(self.request(request)).await?.into_inner().collection))
    }

    async fn add_model(&self, with: &Input) -> Answer {
        let request = pb::AddModelRequest { collection: with.collection.clone(), model: with.model.clone() };
        Ok(collection(self.likeness().add_model(self.request(request)).await?.into_inner().collection))
    }

    async fn activate_model(&self, with: &Input) -> Answer {
        let request = pb::ActivateModelRequest {
            collection: with.collection.clone(),
            model: with.model.clone(),
            force: with.force,
            ..Default::default()
        };
        Ok(collection(self.likeness().activate_model(self.request(request)).await?.into_inner().collection))
    }

    async fn delete_collection(&self, with: &Input) -> Answer {
        let request = pb::DeleteCollectionRequest { name: with.collection.clone(), force: with.force };
        self.likeness().delete_collection(self.request(request)).await?;
        Ok(json!({}))
    }

    async fn index_images(&self, with: &Input) -> Answer {
        let request = pb::IndexImagesRequest {
            collection: with.collection.clone(),
            entries: with.images.iter().map(entry).collect(),
            request_id: with.request_id.clone(),
        };
        let answer = self.likeness().index_images(self.request(request)).await?.into_inner();
        Ok(json!({"results": answer.results.iter().map(outcome).collect::<Vec<_>>()}))
    }

    /// Sends while it reads, as a stream wants it: the server stops reading while too much is unanswered.
    async fn ingest_images(&self, with: &Input) -> Answer {
        let requests: Vec<_> = with.images.iter().enumerate().map(|(i, picture)| pb::IngestImagesRequest {
            collection: with.collection.clone(),
            entry: Some(entry(picture)),
            item_id: i.to_string(),
        }).collect();
        let request = self.request(tokio_stream::iter(requests));
        let mut stream = self.likeness().ingest_images(request).await?.into_inner();
        let mut results = Map::new();
        while let Some(answer) = stream.message().await? {
            if let Some(pb::ingest_images_response::Event::Result(result)) = answer.event {
                results.insert(answer.item_id, outcome(&result));
            }
        }
        Ok(json!({"results": results}))
    }

    async fn search_images(&self, with: &Input) -> Answer {
        use pb::search_images_request::Query;
        let query = match &with.image_id {
            Some(id) => Query::ImageId(id.clone()),
            None => Query::Image(image(&with.photo, &with.uri)),
        };
        let request = pb::SearchImagesRequest {
            collection: with.collection.clone(),
            query: Some(query),
            models: with.models.clone(),
            top_k: with.top_k,
            ..Default::default()
        };
        let answer = self.likeness().search_images(self.request(request)).await?.into_inner();
        let per_model: Map<_, _> =
            answer.per_model.iter().map(|list| (list.model.clone(), hits(&list.hits))).collect();
        Ok(json!({"hits": hits(&answer.hits), "per_model": per_model}))
    }

    async fn get_image(&self, with: &Input) -> Answer {
        let request = pb::GetImageRequest {
            collection: with.collection.clone(),
            image_id: with.image_id.clone().unwrap_or_default(),
        };
        let found = self.likeness().get_image(self.request(request)).await?.into_inner().image.unwrap_or_default();
        Ok(json!({
            "image_id": found.image_id,
            "content_sha256": found.content_sha256,
            "size_px": [found.width_px, found.height_px],
            "written_once": found.create_time == found.update_time,
        }))
    }

    async fn list_images(&self, with: &Input) -> Answer {
        let mut request = pb::ListImagesRequest {
            collection: with.collection.clone(),
            page_size: with.page_size,
            ..Default::default()
        };
        let mut pages: Vec<Vec<String>> = Vec::new();
        loop {
            let page = self.likeness().list_images(self.request(request.clone())).await?.into_inner();
            pages.push(page.images.into_iter().map(|record| record.image_id).collect());
            if page.next_page_token.is_empty() {
                return Ok(json!({"pages": pages}));
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn delete_images(&self, with: &Input) -> Answer {
        let request = pb::DeleteImagesRequest {
            collection: with.collection.clone(),
            image_ids: with.image_ids.clone(),
            ..Default::default()
        };
        let answer = self.likeness().delete_images(self.request(request)).await?.into_inner();
        Ok(json!({"deleted_count": answer.deleted_count, "missing_ids": answer.missing_ids}))
    }

    async fn find_duplicates(&self, with: &Input) -> Answer {
        let request = pb::FindDuplicatesRequest {
            collection: with.collection.clone(),
            model: with.model.clone(),
            max_distance: with.max_distance,
        };
        let mut stream = self.likeness().find_duplicates(self.request(request)).await?.into_inner();
        let mut groups = Vec::new();
        while let Some(group) = stream.message().await? {
            groups.push(group.image_ids);
        }
        Ok(json!({"groups": groups}))
    }

    async fn reconcile(&self) -> Answer {
        let mut maintenance = MaintenanceServiceClient::new(self.channel.clone());
        let request = self.request(pb::ReconcileRequest::default());
        let mut stream = maintenance.reconcile(request).await?.into_inner();
        while stream.message().await?.is_some() {}
        Ok(json!({}))
    }

    async fn bytes(&self, with: &Input) -> Answer {
        let request = STANDARD.decode(&with.request_bytes).expect("base64");
        let mut untyped = Grpc::new(self.channel.clone());
        untyped.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let method = with.method.parse().expect("a path");
        untyped.unary(self.request(request), method, Untyped).await?;
        Ok(json!({}))
    }
}

pub fn image(photo: &str, uri: &Option<String>) -> pb::Image {
    use pb::image::Source;
    let source = match uri {
        Some(uri) => Source::Uri(uri.clone()),
        None => Source::Content(std::fs::read(photo).expect("a photo")),
    };
    pb::Image { source: Some(source) }
}

fn entry(picture: &Picture) -> pb::ImageEntry {
    pb::ImageEntry {
        image_id: picture.image_id.clone(),
        image: Some(image(&picture.photo, &picture.uri)),
        ..Default::default()
    }
}

fn outcome(result: &pb::IndexResult) -> Value {
    let mut said = json!({"image_id": result.image_id, "outcome": result.outcome().as_str_name()});
    if let Some(error) = &result.error {
        said["error"] = describe_image(error);
    }
    said
}

fn hits(list: &[pb::Hit]) -> Value {
    list.iter().map(|hit| json!({"image_id": hit.image_id, "rank": hit.rank, "distance": hit.distance})).collect()
}

fn collection(found: Option<pb::Collection>) -> Value {
    let found = found.unwrap_or_default();
    let states: Map<_, _> = found
        .bindings
        .iter()
        .map(|binding| (binding.model.clone(), binding.state().as_str_name().into()))
        .collect();
    json!({"name": found.name, "models": states, "image_count": found.image_count})
}
