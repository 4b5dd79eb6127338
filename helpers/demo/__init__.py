"""The page of the unit `reviews`: a film review goes in, polarity and stars come out.

`python -m helpers.demo` starts it. `critic` holds the model, `site` the Django site, `words` what the page says in
three languages. Needs Django; nothing here needs a network.
"""
