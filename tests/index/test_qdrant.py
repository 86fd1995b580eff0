import numpy as np

from shelfspace.index import open_index, qdrant
from tests.contracts.index_contract import DIM, RemoteContract, vectors


class TestQdrant(RemoteContract):
    address = "qdrant://:memory:?collection=items"
    nowhere = "qdrant://127.0.0.1:1/items"


def test_a_folder_keeps_the_vectors(tmp_path):
    address = f"qdrant://{tmp_path}/vectors?collection=items"
    index = open_index(address, DIM)
    index.add(np.arange(20), vectors(20))
    index.save(tmp_path / "index")
    qdrant._client(f"qdrant://{tmp_path}/vectors", False, None)[0].close()
    qdrant._client.cache_clear()
    again = open_index(address, DIM)
    again.load(tmp_path / "index")
    assert again.search(vectors(20)[4:5], 1)[0].tolist() == [[4]]
    qdrant._client(f"qdrant://{tmp_path}/vectors", False, None)[0].close()
    qdrant._client.cache_clear()
