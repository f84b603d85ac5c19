-- A record's digest: the first 8 bytes of SHA-256 over id, document, uri, metadata and vector, each behind its
-- length as int4, −1 for null (src/copy/digest.ts computes the same of what Chroma sent). Taken as bigint; the
-- sum of signed and of unsigned digests is the same modulo 2^64.
--
-- A record of one column is sent as int4 count, oid, int4 length (−1 for null), bytes: from the ninth on that is what is
-- digested. So a vector is brought in from beside the table and turned into bytes once and not twice, once of them for
-- its length: 10,000 of 1,536 dimensions take 570 ms where it was 900 (on a busy machine, one beside the other). Texts
-- are UTF-8 here, whatever a parallel worker takes its client's encoding to be.
select {{columns}},
       ('x' || encode(substr(sha256(
         int4send(octet_length(r.source_id)) || convert_to(r.source_id, 'UTF8')
         || coalesce(int4send(octet_length(r.content)) || convert_to(r.content, 'UTF8'), '\xffffffff')
         || coalesce(int4send(octet_length(r.uri)) || convert_to(r.uri, 'UTF8'), '\xffffffff')
         || substr(record_send(row(convert_to(r.metadata::text, 'UTF8'))), 9)
         || substr(record_send(row(r.embedding)), 9)
       ), 1, 8), 'hex'))::bit(64)::bigint as digest
  from ({{records}}) r
