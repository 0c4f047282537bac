"""Let pytest explain the assertions of the shared conformance test."""

import pytest

pytest.register_assert_rewrite("networks.conformance")
