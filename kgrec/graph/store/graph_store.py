"""The graph store: a KnowledgeGraph in a graph database, asked in Cypher."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import NoneType, TracebackType
from typing import Any, Self

import numpy as np
import polars as pl

from kgrec.errors import StoreError, check_is, not_whole, raise_faults
from kgrec.graph.frames import make_frame
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.schema.queries import read_query
from kgrec.graph.schema.types import GraphSchema, read_schema
from kgrec.graph.store.bolt import BoltConnection, plain
from kgrec.graph.store.changes import Time
from kgrec.graph.store.columns import Unsupported
from kgrec.graph.store.load import LoadOptions, LoadReport, load_graph
from kgrec.graph.store.local_server import LocalServer
from kgrec.graph.store.mapping import GraphMapping
from kgrec.graph.store.read import count_edges, count_labels, read_graph, vector_properties
from kgrec.graph.store.read_mapped import read_mapped_graph
from kgrec.graph.store.search import find_vectors, search_text, search_vectors
from kgrec.graph.store.vectors import write_vectors

DELETE_ROWS = 10_000  # nodes or edges deleted in one transaction


def open_graph(
    uri: str | None = None,
    path: str | os.PathLike[str] | None = None,
    username: str | None = None,
    password: str | None = None,
    database: str | None = None,
    schema: GraphSchema | str | os.PathLike[str] | None = None,
) -> GraphStore:
    """Open a graph store: a Neo4j when there is an address, else a private local server.

    Parameters
    ----------
    uri : str, optional
        Such as `neo4j://host:7687`; None takes the environment's NEO4J_URI.
    path : path, optional
        A folder: the local server keeps its data there, whatever NEO4J_URI says. With neither `path` nor an address
        the data is temporary and gone when the store is closed.
    username, password, database : str, optional
        Of a Neo4j; None takes NEO4J_USERNAME (else "neo4j"), NEO4J_PASSWORD and NEO4J_DATABASE (else its default).

    schema : GraphSchema or path, optional
        The labels and relations of your shop: a schema, or the TOML file that extends kgrec's. None: kgrec's own.

    Returns
    -------
    GraphStore; use it in a `with` statement or call its `close()`.

    Raises
    ------
    StoreError
        If the server can't be reached or refuses the login, or the local server can't start.
    GraphError
        If the schema's file has faults.
    """
    types = schema if isinstance(schema, GraphSchema) else read_schema(schema)
    if uri is not None and path is not None:
        raise StoreError("give uri= (a server) or path= (a folder for the local server), not both")
    uri = uri or (None if path is not None else os.environ.get("NEO4J_URI") or None)
    if uri is None:
        return _open_local(None if path is None else Path(path), types)
    login = (
        username or os.environ.get("NEO4J_USERNAME") or "neo4j",
        os.environ.get("NEO4J_PASSWORD") if password is None else password,
    )
    return GraphStore(BoltConnection(uri, login, database or os.environ.get("NEO4J_DATABASE") or None), types)


def _open_local(path: Path | None, schema: GraphSchema) -> GraphStore:
    server = LocalServer(path)
    try:
        return GraphStore(BoltConnection(server.uri, server.writer, server.database, server), schema)
    except BaseException:
        server.close()
        raise


class GraphStore:
    """A graph database over Bolt; made by `open_graph`.

    `query` is read-only unless asked otherwise, and the server is who enforces it. A Neo4j gets the query in a session
    of access mode READ, in which it refuses every write. The local server does not look at access modes; there the
    query runs as a user whose only right is to read records.
    """

    def __init__(self, connection: BoltConnection, schema: GraphSchema | None = None) -> None:
        self._open: BoltConnection | None = connection
        self.schema = schema or read_schema()
        self._description = f"{connection.agent} at {connection.address}"

    @property
    def _connection(self) -> BoltConnection:
        if self._open is None:
            raise StoreError("the graph store is closed; open it again with open_graph()")
        return self._open

    @property
    def is_local(self) -> bool:
        """Whether this is the private local server."""
        return self._connection.local is not None

    def load(
        self,
        graph: KnowledgeGraph,
        *,
        batch_size: int = 5000,
        progress: bool | None = None,
        prune: bool = False,
        since: Time | None = None,
        keep_properties: bool = False,
    ) -> LoadReport:
        """Store every node and edge of `graph`, each with exactly the properties it has there.

        Loading twice changes nothing. Vectors that the store keeps (such as embeddings for search) stay as they are.
        A load that was cut off may be run again, with the same result as one that was not.

        Parameters
        ----------
        graph : KnowledgeGraph
        batch_size : int
            Most rows in one transaction.
        progress : bool, optional
            Show a progress bar; None shows it when stderr is a terminal.
        prune : bool
            Delete what the graph no longer has: nodes of its labels, and edges of its types and of the schema's types
            that start at its labels. Other labels and relations are never touched. Without it, nothing is deleted.
        since : float, str or datetime, optional
            UTC epoch seconds, ISO 8601 text or a datetime: load only what changed then or later. That is nodes whose
            `updated_at` says so with the edges that touch them, edges whose `last_at` says so, and the ends of these;
            outgoing edges that a changed node no longer has are deleted. Nodes that left the graph stay (see prune).
        keep_properties : bool
            Properties that a node or an edge has in the database and not in `graph`, or null there, stay as they are.

        Returns
        -------
        LoadReport: how many nodes and edges were sent and removed, by label and type.

        Raises
        ------
        StoreError
            If a value can't be stored (every such fault is listed, and nothing was stored), `since` is no time, or
            the server is lost; a load that was cut off may be run again.
        """
        check_is(KnowledgeGraph, "load", graph=graph)
        raise_faults(StoreError, "load", not_whole(1, batch_size=batch_size))
        show = sys.stderr.isatty() if progress is None else progress
        options = LoadOptions(
            batch_size=batch_size, show=show, prune=prune, since=since, keep_properties=keep_properties
        )
        local = self._connection.local
        with nullcontext() if local is None else local.loading:
            return load_graph(self._connection, graph, self.schema, options)

    def read_graph(
        self, mapping: GraphMapping | None = None, *, on_unsupported: Unsupported = "raise"
    ) -> KnowledgeGraph:
        """Read the whole graph back; `store.load(graph)` into an empty store, then this, gives an equal graph.

        Parameters
        ----------
        mapping : GraphMapping, optional
            For a graph that others made: which of its labels, keys, properties and relations become which of ours.
            What it doesn't name is left out.
        on_unsupported : "raise" or "skip"
            What to do with properties that a KnowledgeGraph can't hold, such as dates in a graph made by others.

        Raises
        ------
        StoreError
            Listing every fault. Without a mapping: nodes with no label or several, nodes without a string `id`. With
            one: what it names and the database doesn't have, nodes without the key, keys that two nodes share. And
            unsupported properties.
        GraphError
            Without a mapping: if two nodes of a label share an id, or two edges of a type join the same nodes.
        """
        check_is((GraphMapping, NoneType), "read_graph", mapping=mapping)
        if mapping is not None:
            return read_mapped_graph(self._connection, mapping, on_unsupported=on_unsupported)
        vectors = vector_properties(self._connection, self.schema)
        return read_graph(self._connection, vectors, on_unsupported=on_unsupported)

    def query(self, cypher: str, parameters: Mapping[str, Any] | None = None, *, write: bool = False) -> pl.DataFrame:
        """Run a Cypher query.

        Parameters
        ----------
        cypher : str
            Refer to values as `$name`; never paste them into the text.
        parameters : mapping, optional
        write : bool
            Let the query change the graph or its schema; otherwise the server refuses that.

        Returns
        -------
        DataFrame with one row a record. Nodes are structs of `labels` and `properties`, relationships of `type`,
        `head_id`, `tail_id` and `properties`, paths of `nodes` and `relationships`; a column whose values have no type
        in common is JSON text. Of an answer without rows the local server does not name the columns.

        Raises
        ------
        StoreError
            If the server refuses the query or is lost.
        """
        run = self._connection.run_once if write else self._connection.run_query
        columns, rows = run(cypher, parameters)
        return make_frame(columns, [[plain(value) for value in row] for row in rows])

    def run_named(self, name: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Run a query of `graph_schema/queries` by name; parameters that are not given take its defaults.

        Raises
        ------
        GraphError
            If there is no such query, a parameter it needs is missing, or it has none of that name.
        StoreError
            If the server refuses the query or is lost.
        """
        query = read_query(name)
        return self.query(query.cypher, query.bind(parameters))

    def search_text(self, query: str, k: int = 10, label: str = "Product", *, fuzzy: bool = False) -> pl.DataFrame:
        """Find nodes by words in the properties that the schema names as `search` (of a Product: title, description).

        Any of the words may match; nodes with more of them, and with rarer ones, come first, and before them those
        whose title is the query. Case doesn't matter. Every character is text: there is no query language.

        Parameters
        ----------
        query : str
            What a person types; of a very long text only the first few hundred characters count.
        k : int
            Most nodes to return.
        label : str
        fuzzy : bool
            Let words of four letters or more also match words one letter off, and of eight or more, two letters off.

        Returns
        -------
        DataFrame: id, label, title (the first searched property), rank (from 1), score (unitless, higher is better;
        the two servers score differently). Equal scores are ordered by id.

        Raises
        ------
        StoreError
            If the schema has no such label or the label no `search`, there is no index yet, or the server is lost.
        """
        return search_text(self._connection, query, k, label, self.schema, fuzzy=fuzzy)

    def write_vectors(
        self,
        ids: Iterable[str],
        vectors: np.ndarray,
        label: str = "Product",
        property: str = "embedding",
        *,
        progress: bool | None = None,
    ) -> None:
        """Store one vector for each of the nodes `ids`, and index them.

        For the item embeddings of a model: `store.write_vectors(*rec.item_vectors())`.

        Writing the same again changes nothing. Vectors of another size replace all that were there; else those of
        other nodes stay. `load` leaves vectors alone, `read_graph` leaves them out.

        Parameters
        ----------
        ids : iterable of str
            Of nodes that the store holds, each once.
        vectors : array, shape (num_vectors, size), stored as float32
        label, property : str
            A property that the schema names among the label's `vectors`; its size there doesn't bind.
        progress : bool, optional
            Show a progress bar; None shows it when stderr is a terminal.

        Raises
        ------
        StoreError
            Listing every fault, and nothing was stored: ids that the store hasn't or that come twice, a wrong shape,
            NaN, infinities, zero vectors; or if the server is lost.
        """
        find_vectors(label, property, self.schema)
        show = sys.stderr.isatty() if progress is None else progress
        write_vectors(self._connection, ids, vectors, label, property, show=show)

    def search_vectors(
        self,
        vector: np.ndarray,
        k: int = 10,
        label: str = "Product",
        property: str = "embedding",
        *,
        candidates: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Find the nodes whose vectors point most nearly the same way, by the index that `write_vectors` made.

        Parameters
        ----------
        vector : array, shape (size,)
        k : int
            Most nodes to return.
        label, property : str
        candidates : sequence of str, optional
            Only these nodes, compared one by one and not by the index; ids without a vector are passed over.

        Returns
        -------
        DataFrame: id, label, title, rank (from 1), score (cosine similarity, -1 to 1).

        Raises
        ------
        StoreError
            If the vector is zero, not finite or of another size than those stored, there are none, the schema has no
            such vectors, or the server is lost.
        """
        return search_vectors(self._connection, vector, k, label, property, self.schema, candidates)

    def counts(self) -> pl.DataFrame:
        """How many nodes of each label and edges of each type there are.

        Returns
        -------
        DataFrame: kind ("node" or "edge"), name (label or relation), head_label, tail_label (of edges), count.
        """
        rows: list[tuple[str, str, str | None, str | None, int]] = [
            ("node", ":".join(labels), None, None, count) for labels, count in count_labels(self._connection).items()
        ]
        for (head_label, rel_type, tail_label), count in count_edges(self._connection).items():
            rows.append(("edge", rel_type, head_label, tail_label, count))
        text = pl.String()
        types = {"kind": text, "name": text, "head_label": text, "tail_label": text, "count": pl.Int64()}
        return pl.DataFrame(rows, schema=types, orient="row")

    def clear(self) -> None:
        """Delete every node and edge, in batches; constraints and indexes stay."""
        for pattern, variable in (("()-[x]->()", "DELETE x"), ("(x)", "DETACH DELETE x")):
            statement = f"MATCH {pattern} WITH x LIMIT $rows {variable} RETURN count(*) AS deleted"
            while self._connection.run_write(statement, {"rows": DELETE_ROWS})[1][0][0]:
                pass

    def close(self) -> None:
        """Close the connection and stop the local server, if there is one. Safe to call twice."""
        if self._open is not None:
            connection, self._open = self._open, None
            connection.close()
            if connection.local is not None:
                connection.local.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"GraphStore({self._description}{'' if self._open else ', closed'})"
