-- A record's digest: the first 8 bytes of SHA-256 over id, document, uri, metadata and vector, each behind its
-- length as int4, −1 for null (src/copy/digest.ts computes the same of what Chroma sent). Taken as bigint; the
-- sum of signed and of unsigned digests is the same modulo 2^64.
select d.id, d.source_id,
       ('x' || encode(substr(sha256(
         int4send(octet_length(d.source_id)) || convert_to(d.source_id, 'UTF8')
         || coalesce(int4send(octet_length(d.content)) || convert_to(d.content, 'UTF8'), '\xffffffff')
         || coalesce(int4send(octet_length(d.uri)) || convert_to(d.uri, 'UTF8'), '\xffffffff')
         || coalesce(int4send(octet_length(d.metadata::text)) || convert_to(d.metadata::text, 'UTF8'), '\xffffffff')
         || int4send(octet_length(vector_send(e.embedding))) || vector_send(e.embedding)
       ), 1, 8), 'hex'))::bit(64)::bigint as digest
  from {{schema}}.documents d
  join {{schema}}.embeddings e on e.document_id = d.id
