require 'likeness/v1/image_search_services_pb'

likeness = Likeness::V1::ImageSearchService::Stub.new('127.0.0.1:50050', :this_channel_is_insecure)
image = Likeness::V1::Image.new(content: File.binread('photo.jpg'))
answer = likeness.search_images(Likeness::V1::SearchImagesRequest.new(collection: 'shop', image: image, top_k: 5))
answer.hits.each do |hit|
  puts format('%d %s %.4f', hit.rank, hit.image_id, hit.distance)
end
