%% What recipe.yaml's test runs: documents are written, and a view gives them back in the order of Unicode's root collation.
main([]) ->
    {ok, _} = application:ensure_all_started(inets),
    ok = until_up(100),
    {201, _} = request(put, "/test", ""),
    lists:foreach(fun({Number, Word}) ->
        Body = ["{\"word\": \"", Word, "\"}"],
        {201, _} = request(put, "/test/" ++ integer_to_list(Number), Body)
    end, lists:enumerate(["b", "B", "a", "A"])),
    Design = "{\"views\": {\"words\": {\"map\": \"function (doc) { emit(doc.word, null); }\"}}}",
    {201, _} = request(put, "/test/_design/test", Design),
    {200, Answer} = request(get, "/test/_design/test/_view/words", ""),
    {match, Keys} = re:run(Answer, "\"key\":\"(.)\"", [global, {capture, all_but_first, list}]),
    [["a"], ["A"], ["b"], ["B"]] = Keys.

until_up(0) -> not_up;
until_up(Tries) ->
    case catch request(get, "/_up", "") of
        {200, _} -> ok;
        _ -> timer:sleep(200), until_up(Tries - 1)
    end.

request(Method, Path, Body) ->
    Headers = [{"authorization", "Basic " ++ base64:encode_to_string("tester:for-this-test")}],
    Address = "http://127.0.0.1:5984" ++ Path,
    Asked = case Method of
        get -> {Address, Headers};
        put -> {Address, Headers, "application/json", Body}
    end,
    {ok, {{_, Status, _}, _, Answer}} = httpc:request(Method, Asked, [], []),
    {Status, Answer}.
