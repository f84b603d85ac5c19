-- A record's digest: the first 8 bytes of SHA-256 over id, document, uri, metadata and vector, each behind its
-- length as int4, −1 for null (src/copy/digest.ts computes the same of what Chroma sent). Taken as bigint; the
-- sum of signed and of unsigned digests is the same modulo 2^64.
select r.source_id,
       ('x' || encode(substr(sha256(
         int4send(octet_length(r.source_id)) || convert_to(r.source_id, 'UTF8')
         || coalesce(int4send(octet_length(r.content)) || convert_to(r.content, 'UTF8'), '\xffffffff')
         || coalesce(int4send(octet_length(r.uri)) || convert_to(r.uri, 'UTF8'), '\xffffffff')
         || coalesce(int4send(octet_length(r.metadata::text)) || convert_to(r.metadata::text, 'UTF8'), '\xffffffff')
         || int4send(octet_length(vector_send(r.embedding))) || vector_send(r.embedding)
       ), 1, 8), 'hex'))::bit(64)::bigint as digest
  from ({{records}}) r
