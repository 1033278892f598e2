/*
 * errcode.h
 *	  Every error of oms, written once for the extension and the server.
 *
 * This file is an X-macro list: define OMS_ERROR before including it.  The
 * columns are the three characters after the SQLSTATE class "OM", the name,
 * the HTTP status, and the title that problem details (RFC 9457) carry.
 * There is no include guard, so that it can be expanded more than once.
 *
 * 0xx	orders, products, stock, tasks: rules of the domain
 * 02x	accounts and sessions
 * 09x	installation
 * 1xx	found by the server before the database is asked
 */
OMS_ERROR("001", ORDER_NOT_FOUND, 404, "Order not found")
OMS_ERROR("002", TRANSITION_NOT_ALLOWED, 409, "Transition not allowed")
OMS_ERROR("003", INSUFFICIENT_STOCK, 409, "Insufficient stock")
OMS_ERROR("004", PRODUCT_NOT_FOUND, 404, "Product not found")
OMS_ERROR("005", STOCK_NOT_FOUND, 404, "Stock record not found")
OMS_ERROR("006", TASK_NOT_FOUND, 404, "Task not found")
OMS_ERROR("007", ACCOUNT_NOT_FOUND, 404, "Account not found")
OMS_ERROR("009", PAGE_NOT_FOUND, 404, "Page not found")
OMS_ERROR("010", INVALID_INPUT, 422, "Invalid input")
OMS_ERROR("011", SKU_TAKEN, 409, "SKU already taken")
OMS_ERROR("012", STOCK_EXISTS, 409, "Stock record already exists")
OMS_ERROR("013", STOCK_IN_USE, 409, "Stock record in use")
OMS_ERROR("014", AMOUNT_TOO_LARGE, 422, "Amount too large")
OMS_ERROR("015", TRANSITION_INVALID, 422, "Invalid transition definition")
OMS_ERROR("016", HANDLER_INVALID, 422, "Invalid task handler")
OMS_ERROR("017", TASK_STATE, 409, "Task is in another state")
OMS_ERROR("018", ACCOUNT_EXISTS, 409, "Account already exists")
OMS_ERROR("020", CREDENTIALS_INVALID, 401, "Invalid credentials")
OMS_ERROR("021", REFRESH_INVALID, 401, "Invalid refresh token")
OMS_ERROR("022", REFRESH_REUSED, 401, "Refresh token used twice")
OMS_ERROR("023", ROLE_REQUIRED, 403, "Role required")
OMS_ERROR("024", ACTOR_NOT_TRUSTED, 403, "Actor not trusted")
OMS_ERROR("030", KEY_REUSED, 422, "Idempotency key used for another request")
OMS_ERROR("031", KEY_IN_PROGRESS, 409, "Request with this idempotency key in progress")
OMS_ERROR("040", WRITE_BY_VERB_ONLY, 403, "Table is written by verbs only")
OMS_ERROR("090", NOT_INSTALLED, 503, "oms is not installed in this database")
OMS_ERROR("091", WRONG_VERSION, 503, "oms tables are of another version")
OMS_ERROR("100", NOT_AUTHENTICATED, 401, "Authentication required")
OMS_ERROR("101", TOKEN_INVALID, 401, "Invalid access token")
OMS_ERROR("102", TOKEN_EXPIRED, 401, "Access token expired")
OMS_ERROR("103", FORBIDDEN, 403, "Not allowed")
OMS_ERROR("104", ROUTE_NOT_FOUND, 404, "Not found")
OMS_ERROR("105", METHOD_NOT_ALLOWED, 405, "Method not allowed")
OMS_ERROR("106", NOT_JSON, 400, "Body is not valid JSON")
OMS_ERROR("107", BAD_REQUEST, 400, "Bad request")
OMS_ERROR("108", BODY_TOO_LARGE, 413, "Body too large")
OMS_ERROR("109", NOT_ACCEPTED_TYPE, 415, "Unsupported media type")
OMS_ERROR("110", PARAMETER_INVALID, 422, "Invalid parameter")
OMS_ERROR("111", TOO_MANY_REQUESTS, 429, "Too many requests")
OMS_ERROR("112", DATABASE_UNAVAILABLE, 503, "Database unavailable")
OMS_ERROR("113", OVERLOADED, 503, "Too busy")
OMS_ERROR("115", INTERNAL, 500, "Internal error")
OMS_ERROR("116", SHUTTING_DOWN, 503, "Shutting down")
