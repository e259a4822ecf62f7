"""FastAPI's public names, module by module, and what the mirror leaves out."""

PUBLIC = {
    "fastapi": (
        "APIRouter BackgroundTasks Body Cookie Depends FastAPI File Form HTTPException Header Path "
        "Query Request Response Security UploadFile WebSocket WebSocketDisconnect "
        "WebSocketException status"
    ),
    "fastapi.applications": "AppType FastAPI",
    "fastapi.background": "BackgroundTasks P",
    "fastapi.concurrency": (
        "asynccontextmanager contextmanager_in_threadpool iterate_in_threadpool run_in_threadpool "
        "run_until_first_complete"
    ),
    "fastapi.datastructures": (
        "Address Default DefaultPlaceholder DefaultType FormData Headers QueryParams State URL "
        "UploadFile"
    ),
    "fastapi.encoders": (
        "ENCODERS_BY_TYPE decimal_encoder encoders_by_class_tuples "
        "generate_encoders_by_class_tuples isoformat jsonable_encoder"
    ),
    "fastapi.exception_handlers": (
        "http_exception_handler request_validation_exception_handler "
        "websocket_request_validation_exception_handler"
    ),
    "fastapi.exceptions": (
        "DependencyScopeError EndpointContext FastAPIDeprecationWarning FastAPIError HTTPException "
        "PydanticV1NotSupportedError RequestErrorModel RequestValidationError "
        "ResponseValidationError ValidationException WebSocketErrorModel WebSocketException "
        "WebSocketRequestValidationError"
    ),
    "fastapi.logger": "logger",
    "fastapi.middleware": "Middleware",
    "fastapi.middleware.asyncexitstack": "AsyncExitStackMiddleware",
    "fastapi.middleware.cors": "CORSMiddleware",
    "fastapi.middleware.gzip": "GZipMiddleware",
    "fastapi.middleware.httpsredirect": "HTTPSRedirectMiddleware",
    "fastapi.middleware.trustedhost": "TrustedHostMiddleware",
    "fastapi.middleware.wsgi": "WSGIMiddleware",
    "fastapi.openapi.constants": "METHODS_WITH_BODY REF_PREFIX REF_TEMPLATE",
    "fastapi.openapi.docs": (
        "get_redoc_html get_swagger_ui_html get_swagger_ui_oauth2_redirect_html "
        "swagger_ui_default_parameters"
    ),
    "fastapi.openapi.models": (
        "APIKey APIKeyIn BaseModelWithConfig Components Contact Discriminator Encoding Example "
        "ExternalDocumentation HTTPBase HTTPBearer Header Info License Link MediaType OAuth2 "
        "OAuthFlow OAuthFlowAuthorizationCode OAuthFlowClientCredentials OAuthFlowImplicit "
        "OAuthFlowPassword OAuthFlows OpenAPI OpenIdConnect Operation Parameter ParameterBase "
        "ParameterInType PathItem Reference RequestBody Response Schema SchemaOrBool SchemaType "
        "SecurityBase SecurityScheme SecuritySchemeType Server ServerVariable Tag XML"
    ),
    "fastapi.openapi.utils": (
        "generate_operation_id generate_operation_summary get_fields_from_routes get_openapi "
        "get_openapi_operation_metadata get_openapi_operation_request_body get_openapi_path "
        "status_code_ranges validation_error_definition validation_error_response_definition"
    ),
    "fastapi.param_functions": "Body Cookie Depends File Form Header Path Query Security",
    "fastapi.params": "Body Cookie Depends File Form Header Param ParamTypes Path Query Security",
    "fastapi.requests": "HTTPConnection Request",
    "fastapi.responses": (
        "EventSourceResponse FileResponse HTMLResponse JSONResponse ORJSONResponse "
        "PlainTextResponse RedirectResponse Response StreamingResponse UJSONResponse orjson ujson"
    ),
    "fastapi.routing": (
        "APIRoute APIRouter APIWebSocketRoute Mount RouteContext get_request_handler "
        "get_websocket_app iter_route_contexts request_response run_endpoint_function "
        "serialize_response websocket_session"
    ),
    "fastapi.security": (
        "APIKeyCookie APIKeyHeader APIKeyQuery HTTPAuthorizationCredentials HTTPBasic "
        "HTTPBasicCredentials HTTPBearer HTTPDigest OAuth2 OAuth2AuthorizationCodeBearer "
        "OAuth2PasswordBearer OAuth2PasswordRequestForm OAuth2PasswordRequestFormStrict "
        "OpenIdConnect SecurityScopes"
    ),
    "fastapi.security.api_key": "APIKeyBase APIKeyCookie APIKeyHeader APIKeyQuery",
    "fastapi.security.base": "SecurityBase",
    "fastapi.security.http": (
        "HTTPAuthorizationCredentials HTTPBase HTTPBasic HTTPBasicCredentials HTTPBearer HTTPDigest"
    ),
    "fastapi.security.oauth2": (
        "OAuth2 OAuth2AuthorizationCodeBearer OAuth2PasswordBearer OAuth2PasswordRequestForm "
        "OAuth2PasswordRequestFormStrict SecurityScopes"
    ),
    "fastapi.security.open_id_connect_url": "OpenIdConnect",
    "fastapi.security.utils": "get_authorization_scheme_param",
    "fastapi.sse": "EventSourceResponse KEEPALIVE_COMMENT ServerSentEvent format_sse_event",
    "fastapi.staticfiles": "StaticFiles",
    "fastapi.telemetry": "TelemetryConfig TelemetryData get_telemetry_data",
    "fastapi.templating": "Jinja2Templates",
    "fastapi.testclient": "TestClient",
    "fastapi.websockets": "WebSocket WebSocketDisconnect WebSocketState",
}
"""What FastAPI 0.165 documents or lets people import, by module."""

_NOT_OURS = "part of the machinery that FastAPI reads signatures with; Trivium's is another"

OMITTED: dict[str, dict[str, str]] = {
    "fastapi.cli": {"*": "the command line is `trivium`"},
    "fastapi.dependencies.utils": dict.fromkeys(
        [
            "ParamDetails",
            "add_non_field_param_to_dependency",
            "add_param_to_fields",
            "analyze_param",
            "get_validation_alias",
        ],
        _NOT_OURS,
    ),
    "fastapi.utils": {
        "create_model_field": _NOT_OURS,
        "deep_dict_update": "changes its argument; Trivium merges into a new value",
        "generate_operation_id_for_path": "deprecated, and used by nothing",
    },
}
"""What the mirror leaves out, with the reason; ``*`` stands for the whole module.

Modules with an underscore in their name are FastAPI's own and not listed.
"""
