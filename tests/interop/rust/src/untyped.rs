//! Hands bytes on as they are.
use bytes::{Buf, BufMut};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::Status;

#[derive(Default)]
pub struct Untyped;

impl Codec for Untyped {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Untyped;
    type Decoder = Untyped;

    fn encoder(&mut self) -> Untyped {
        Untyped
    }

    fn decoder(&mut self) -> Untyped {
        Untyped
    }
}

impl Encoder for Untyped {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Untyped {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}
