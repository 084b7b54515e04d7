#!/bin/sh
# Part of the build: puts the two files of Swagger UI that the page of the API loads beside the code that serves them, so that
# installing Leasehold does not install all of it.
set -eu
from=node_modules/swagger-ui-dist to=dist/swagger-ui
mkdir -p "$to"
cp "$from/swagger-ui.css" "$from/swagger-ui-bundle.js" "$to/"
