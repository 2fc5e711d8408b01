require 'base64'
require 'likeness/v1/embedder_services_pb'
require 'likeness/v1/image_search_services_pb'
require 'likeness/v1/maintenance_services_pb'

# The calls, by their names in the protos: each takes what a command says and returns what is to be said of the answer.
class Calls
  include Likeness::V1

  def initialize(command)
    @with = command.fetch('with', {})
    @target = "ipv4:#{command['addresses'].join(',')}"
    @channel_args = { 'grpc.service_config' => command['service_config'] }.compact
    @likeness = stub(Likeness::V1::ImageSearchService::Stub)
    @metadata = command['token'] ? { 'authorization' => "Bearer #{command['token']}" } : {}
    @deadline_seconds = command['deadline_seconds']
    @cancel_after_seconds = command['cancel_after_seconds']
  end

  def ListModels
    { dimensions: call(:list_models, ListModelsRequest.new).models.to_h { |model| [model.name, model.dimension] } }
  end

  def CreateCollection
    wanted = Collection.new(name: @with['collection'], models: @with['models'])
    collection(call(:create_collection, CreateCollectionRequest.new(collection: wanted)).collection)
  end

  def GetCollection
    collection(call(:get_collection, GetCollectionRequest.new(name: @with['collection'])).collection)
  end

  def AddModel
    request = AddModelRequest.new(collection: @with['collection'], model: @with['model'])
    collection(call(:add_model, request).collection)
  end

  def ActivateModel
    request = ActivateModelRequest.new(collection: @with['collection'], model: @with['model'], force: @with['force'])
    collection(call(:activate_model, request).collection)
  end

  def DeleteCollection
    call(:delete_collection, DeleteCollectionRequest.new(name: @with['collection'], force: @with['force']))
    {}
  end

  def IndexImages
    entries = @with['images'].map { |picture| entry(picture) }
    request = IndexImagesRequest.new(collection: @with['collection'], entries: entries, request_id: @with['request_id'])
    { results: call(:index_images, request).results.map { |result| outcome(result) } }
  end

  # gRPC sends from a thread of its own while we read, as a stream wants it: the server stops reading while too much is
  # unanswered.
  def IngestImages
    requests = @with['images'].lazy.each_with_index.map do |picture, i|
      IngestImagesRequest.new(collection: @with['collection'], entry: entry(picture), item_id: i.to_s)
    end
    answers = @likeness.ingest_images(requests, **options).select { |answer| answer.event == :result }
    { results: answers.to_h { |answer| [answer.item_id, outcome(answer.result)] } }
  end

  # Sends one picture and no end, and says each answer when it comes.
  def StreamEmbed
    ended = Queue.new
    requests = Enumerator.new do |sent|
      sent << StreamEmbedRequest.new(item_id: @with['image_id'], image: image(@with))
      ended.pop
    end
    stub(EmbedderService::Stub).stream_embed(requests, **options).each do |answer|
      dimensions = answer.result.embeddings.to_h { |embedding| [embedding.model, embedding.dimension] }
      say(answered: { item_id: answer.item_id, dimensions: dimensions })
    end
    {}
  ensure
    ended.close
  end

  def SearchImages
    query = @with['image_id'] ? { image_id: @with['image_id'] } : { image: image(@with) }
    answer = call(:search_images, SearchImagesRequest.new(**query, **@with.slice('collection', 'models', 'top_k').transform_keys(&:to_sym)))
    { hits: hits(answer.hits), per_model: answer.per_model.to_h { |list| [list.model, hits(list.hits)] } }
  end

  def GetImage
    found = call(:get_image, GetImageRequest.new(collection: @with['collection'], image_id: @with['image_id'])).image
    {
      image_id: found.image_id,
      content_sha256: found.content_sha256,
      size_px: [found.width_px, found.height_px],
      written_once: found.create_time == found.update_time
    }
  end

  def ListImages
    request = ListImagesRequest.new(collection: @with['collection'], page_size: @with['page_size'])
    pages = []
    loop do
      page = call(:list_images, request)
      pages << page.images.map(&:image_id)
      request.page_token = page.next_page_token
      return { pages: pages } if request.page_token.empty?
    end
  end

  def DeleteImages
    answer = call(:delete_images, DeleteImagesRequest.new(collection: @with['collection'], image_ids: @with['image_ids']))
    { deleted_count: answer.deleted_count, missing_ids: answer.missing_ids.to_a }
  end

  def FindDuplicates
    request = FindDuplicatesRequest.new(**@with.slice('collection', 'model', 'max_distance').transform_keys(&:to_sym))
    { groups: @likeness.find_duplicates(request, **options).map { |group| group.image_ids.to_a } }
  end

  def Reconcile
    stub(MaintenanceService::Stub).reconcile(ReconcileRequest.new, **options).each { |_| }
    {}
  end

  def Bytes
    as_they_are = ->(bytes) { bytes }
    request = Base64.decode64(@with['request_bytes'])
    stub(GRPC::ClientStub).request_response(@with['method'], request, as_they_are, as_they_are, **options)
    {}
  end

  private

  def stub(kind)
    kind.new(@target, :this_channel_is_insecure, channel_args: @channel_args)
  end

  def options
    { metadata: @metadata, deadline: @deadline_seconds && Time.now + @deadline_seconds }
  end

  def call(method, request)
    return @likeness.public_send(method, request, **options) unless @cancel_after_seconds

    operation = @likeness.public_send(method, request, return_op: true, **options)
    Thread.new { sleep(@cancel_after_seconds) && operation.cancel }
    operation.execute
  end

  def image(picture)
    picture['uri'] ? Image.new(uri: picture['uri']) : Image.new(content: File.binread(picture['photo']))
  end

  def entry(picture)
    ImageEntry.new(image_id: picture['image_id'], image: image(picture))
  end

  def outcome(result)
    said = { image_id: result.image_id, outcome: result.outcome }
    said[:error] = describe(result.error) if result.error
    said
  end

  def hits(list)
    list.map { |hit| { image_id: hit.image_id, rank: hit.rank, distance: hit.distance } }
  end

  def collection(found)
    states = found.bindings.to_h { |binding| [binding.model, binding.state] }
    { name: found.name, models: states, image_count: found.image_count }
  end
end
