<!DOCTYPE html>
<html><body>def prune(model)</body></html>
