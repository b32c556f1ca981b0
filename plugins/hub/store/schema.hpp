// Creates and upgrades the hub's tables.
#pragma once

#include "store/dialect.hpp"

namespace jetpack::hub {

// Creates what is missing, in one transaction; several hubs may do so at once. Throws
// Errc::unsupported for a database of a newer hub.
void prepare_schema(SqlSession& session, Dialect dialect);

}  // namespace jetpack::hub
