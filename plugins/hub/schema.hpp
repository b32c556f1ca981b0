// schema.hpp: the hub's tables, made and brought up to date.
#pragma once

#include "dialect.hpp"

namespace hub {

// Makes what is missing, in one transaction; several hubs may do so at once. Throws
// Errc::unsupported for a database of a newer hub.
void prepare_schema(Session& session, Dialect dialect);

}  // namespace hub
