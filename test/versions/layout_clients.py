"""The vector stores of PyPI look for migrated records by their own searches and filters.

`layout_clients.py node` prints the metadata that LlamaIndex keeps of a node in Chroma; `layout_clients.py STORE`
reads {"url", "query", "dimension", "file"} and prints what the store finds.
"""

import json
import sys

NEW_ID = "11111111-1111-4111-8111-111111111111"


def langchain_embeddings(query):
    from langchain_core.embeddings import Embeddings

    class Known(Embeddings):
        def embed_query(self, text):
            return query

        def embed_documents(self, texts):
            return [query for _ in texts]

    return Known()


def with_driver(url, driver):
    return url.replace("postgres://", f"postgresql+{driver}://")


def langchain_answers(store, file):
    ids = lambda documents: [document.id for document in documents]
    search = lambda **more: ids(store.similarity_search("what the query says", k=5, **more))
    first = store.similarity_search("what the query says", k=1)[0]
    answers = {
        "nearest": search(),
        "in file": search(filter={"file_path": file}),
        "late": search(filter={"chunk_index": {"$gte": 7}}),
        "first": [first.page_content, first.metadata["file_path"], first.metadata["chunk_index"]],
        "distance": store.similarity_search_with_score("what the query says", k=1)[0][1],
        "without text": [d.page_content for d in store.similarity_search("…", k=1000) if d.id == "record-44"],
    }
    store.add_texts(["new"], metadatas=[{"file_path": "new.ts"}], ids=[NEW_ID])
    answers["added"] = search(filter={"file_path": "new.ts"})
    store.delete(ids=[NEW_ID])
    answers["deleted"] = search(filter={"file_path": "new.ts"})
    return answers


def pgvector(given):
    from langchain_postgres import PGVector

    connection = with_driver(given["url"], "psycopg") + "?options=-csearch_path%3Ddocs,public"
    embeddings = langchain_embeddings(given["query"])
    store = PGVector(embeddings=embeddings, collection_name="docs", connection=connection)
    return langchain_answers(store, given["file"])


def pgvectorstore(given, driver):
    from langchain_postgres import PGEngine, PGVectorStore

    engine = PGEngine.from_connection_string(url=with_driver(given["url"], driver))
    embeddings = langchain_embeddings(given["query"])
    store = PGVectorStore.create_sync(
        engine, embeddings, table_name="langchain_documents", schema_name="docs"
    )
    return langchain_answers(store, given["file"])


def llamaindex(given):
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters, VectorStoreQuery
    from llama_index.vector_stores.postgres import PGVectorStore

    store = PGVectorStore.from_params(
        connection_string=with_driver(given["url"], "psycopg2"),
        async_connection_string=with_driver(given["url"], "asyncpg"),
        schema_name="docs",
        table_name="docs",
        embed_dim=given["dimension"],
    )

    def query(count, *filters):
        asked = VectorStoreQuery(
            query_embedding=given["query"],
            similarity_top_k=count,
            filters=MetadataFilters(filters=[MetadataFilter(key=k, value=v, operator=o) for k, v, o in filters]),
        )
        return store.query(asked)

    first = query(1).nodes[0]
    node = query(1, ("kind", "node", FilterOperator.EQ)).nodes[0]
    answers = {
        "nearest": query(5).ids,
        "in file": query(5, ("file_path", given["file"], FilterOperator.EQ)).ids,
        "late": query(5, ("chunk_index", 7, FilterOperator.GTE)).ids,
        "first": [first.get_content(), first.metadata["file_path"], first.metadata["chunk_index"]],
        "distance": 1 - query(1).similarities[0],
        "without text": [n.get_content() for n in query(1000).nodes if n.node_id == "record-44"],
        "node": [node.node_id, node.ref_doc_id, node.get_content(), node.metadata],
    }
    new = TextNode(id_=NEW_ID, text="new", metadata={"file_path": "new.ts"}, embedding=given["query"])
    store.add([new])
    answers["added"] = query(5, ("file_path", "new.ts", FilterOperator.EQ)).ids
    store.delete_nodes([NEW_ID])
    answers["deleted"] = query(5, ("file_path", "new.ts", FilterOperator.EQ)).ids
    return answers


def llamaindex_node(_):
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
    from llama_index.core.vector_stores.utils import node_to_metadata_dict

    node = TextNode(id_="node-1", text="a node of LlamaIndex", metadata={"kind": "node"})
    node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id="source-1")
    return node_to_metadata_dict(node, remove_text=True, flat_metadata=True)


COMMANDS = {
    "node": llamaindex_node,
    "PGVector": pgvector,
    "PGVectorStore psycopg": lambda given: pgvectorstore(given, "psycopg"),
    "PGVectorStore asyncpg": lambda given: pgvectorstore(given, "asyncpg"),
    "LlamaIndex": llamaindex,
}

if __name__ == "__main__":
    json.dump(COMMANDS[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
