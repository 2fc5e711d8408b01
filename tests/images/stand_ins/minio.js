#!/usr/bin/env node
// `minio server DIRECTORY ...`: serves S3 on port 9000 as MinIO does, and says that it lives; for tests only.
const http = require("http");
const S3rver = require("/opt/s3rver/node_modules/s3rver");
const { DUMMY_ACCOUNT } = require("/opt/s3rver/node_modules/s3rver/lib/models/account");

DUMMY_ACCOUNT.createKeyPair(process.env.MINIO_ROOT_USER, process.env.MINIO_ROOT_PASSWORD);
const serve = new S3rver({ directory: process.argv[3], silent: true, vhostBuckets: false }).callback();
http
  .createServer((request, response) =>
    request.url.startsWith("/minio/health/") ? response.end() : serve(request, response)
  )
  .listen(9000, "0.0.0.0");
process.on("SIGTERM", () => process.exit(0));
