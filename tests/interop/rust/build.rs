fn main() -> std::io::Result<()> {
    let protos = ["embedder", "image_search", "maintenance"].map(|name| format!("../../../protos/likeness/v1/{name}.proto"));
    tonic_prost_build::configure()
        .build_server(false)
        // The errors of single images are the same type as those of calls.
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_protos(&protos, &["../../../protos".to_string()])
}
